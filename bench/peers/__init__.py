"""What the product is compared to, where that is more than a statement."""
