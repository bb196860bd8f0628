"""Reads of trades. Nothing here writes."""
