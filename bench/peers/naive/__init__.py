"""The obvious Django way to do the same: a competent, plain project of its own.

ModelSerializers and a ModelViewSet, `save()`, a Celery task for every trade, and checks that ask the ORM one by
one, under the same rules and limits and with the same idempotency and events as the product.
"""
