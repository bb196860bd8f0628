"""The products, one file each."""

from core.registry import Registry
from trades.products.base import Product

PRODUCTS: Registry[Product] = Registry("trades.products", Product)
