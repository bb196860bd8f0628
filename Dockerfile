# One image for every process; docker-compose.yml says which command each container runs.

FROM python:3.11-slim AS build
WORKDIR /build
RUN python -m venv /venv
COPY pyproject.toml requirements.txt README.md ./
# The ranges of pyproject.toml without the development tools, at the versions that were tested.
RUN /venv/bin/pip install --no-cache-dir --prefer-binary --constraint requirements.txt .

FROM python:3.11-slim
ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    MIDDLEOFFICE_ENV=production \
    MIDDLEOFFICE_VAR=/tmp/middleoffice
RUN useradd --system --uid 10001 --no-create-home middleoffice
COPY --from=build /venv /venv
WORKDIR /app
COPY . .
# Nothing connects while the static files are gathered; the real values come with the container.
RUN SECRET_KEY=gathering-static-files-needs-no-secret-at-all-but-a-long-one \
    TOKEN_PEPPER=gathering-static-files-needs-no-secret-at-all-but-a-long-one \
    AUDIT_SIGNING_KEY=MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE= \
    ALLOWED_HOSTS=localhost \
    DATABASE_URL=postgres://nobody@localhost/nothing \
    REDIS_URL=redis://localhost/0 \
    python manage.py collectstatic --noinput
USER middleoffice
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python", "-m", "middleoffice.healthcheck"]
CMD ["python", "-m", "granian", "--interface", "wsgi", "--http", "1", "--no-ws", "--host", "0.0.0.0", "--port", "8000", "--workers", "2", "--blocking-threads", "8", "--backpressure", "256", "--backlog", "1024", "--respawn-failed-workers", "--workers-kill-timeout", "3", "middleoffice.wsgi:application"]
