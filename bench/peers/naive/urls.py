"""The addresses of the peer."""

from rest_framework.routers import SimpleRouter

from bench.peers.naive.views import TradeViewSet

router = SimpleRouter(trailing_slash=False)
router.register("trades", TradeViewSet)
urlpatterns = router.urls
