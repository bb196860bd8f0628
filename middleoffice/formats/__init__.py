"""How Django itself writes numbers in each language: as the code does, so that no form, address or drawing changes."""
