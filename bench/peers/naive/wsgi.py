"""The web application of the peer."""

import os

from django.core.wsgi import get_wsgi_application

from bench.peers.naive.celery import app

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bench.peers.naive.settings")
application = get_wsgi_application()
app.set_default()
