"""The benchmarks: what the product does, measured side by side with what it is compared to."""
