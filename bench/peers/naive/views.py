"""The API: a view set, idempotent by a key, for one trade or a list of them."""

import hashlib

from django.db import transaction
from rest_framework import status
from rest_framework.exceptions import ValidationError
from rest_framework.response import Response
from rest_framework.viewsets import ModelViewSet

from bench.peers.naive.models import IdempotencyKey, Trade
from bench.peers.naive.serializers import TradeSerializer
from bench.peers.naive.tasks import check_trade


class TradeViewSet(ModelViewSet):
    queryset = Trade.objects.order_by("-id")
    serializer_class = TradeSerializer

    def create(self, request, *args, **kwargs):
        """Store one trade or a list of trades once, and have each checked."""
        key = request.headers.get("Idempotency-Key")
        if not key:
            raise ValidationError({"Idempotency-Key": "This header is required."})
        digest = hashlib.sha256(request.body).hexdigest()
        with transaction.atomic():
            stored, fresh = IdempotencyKey.objects.get_or_create(
                user=request.user, key=key, defaults={"request_hash": digest}
            )
            if not fresh:
                if stored.request_hash != digest:
                    return Response(status=status.HTTP_422_UNPROCESSABLE_ENTITY)
                return Response(stored.response, status=status.HTTP_200_OK)
            serializer = self.get_serializer(data=request.data, many=isinstance(request.data, list))
            serializer.is_valid(raise_exception=True)
            self.perform_create(serializer)
            stored.response = serializer.data
            stored.save()
        return Response(serializer.data, status=status.HTTP_201_CREATED)

    def perform_create(self, serializer):
        saved = serializer.save()
        for trade in saved if isinstance(saved, list) else [saved]:
            transaction.on_commit(lambda pk=trade.pk: check_trade.delay(pk))
