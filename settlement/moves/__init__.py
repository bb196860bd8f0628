"""Whose move it is: the one table that says of every unfinished record who must act, and the SQL made of it."""
