"""The WSGI entry point that granian (or gunicorn) serves."""

import os

from django.core.wsgi import get_wsgi_application

from middleoffice.lifeline import die_with_supervised_parent
from middleoffice.tuning import tune_process

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "middleoffice.settings")
application = get_wsgi_application()
die_with_supervised_parent()  # a web worker must not outlive a server that was killed
tune_process()
