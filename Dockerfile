# syntax=docker/dockerfile:1
# Levelup as a container, for use with docker-compose.yml; see docs/deploy.md.
#
# UNTESTED in an engine: none was at hand where this was written. tests/deploy holds this file to
# script/Procfile, the settings, the files of the project and docker-compose.yml, and asks the health
# check of a real worker; those of web and beat are asked of stand-ins.

# Scripts, styles and fonts, from package-lock.json.
FROM node:24-bookworm-slim AS assets
WORKDIR /srv/levelup
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY static static
RUN npm run build

# The Python environment, from uv.lock. uv and pip stay behind in this stage.
FROM python:3.11-slim-bookworm AS environment
RUN pip install --no-cache-dir uv==0.13.9
WORKDIR /srv/levelup
COPY pyproject.toml uv.lock ./
RUN UV_PYTHON_DOWNLOADS=never uv sync --locked --no-dev --no-cache --compile-bytecode

FROM python:3.11-slim-bookworm AS runtime
# What GeoDjango loads, and pg_dump and pg_restore for the commands backup and restore.
RUN apt-get update \
    && apt-get install -y --no-install-recommends libgdal32 libgeos-c1v5 postgresql-client-15 \
    && rm -rf /var/lib/apt/lists/*
RUN useradd --system --uid 10001 --home-dir /var/lib/levelup --shell /usr/sbin/nologin levelup \
    && install -d -o levelup -g levelup /var/lib/levelup /backups
WORKDIR /srv/levelup
COPY --from=environment /srv/levelup/.venv .venv
COPY manage.py pyproject.toml ./
COPY levelup_site levelup_site
COPY areas areas
COPY indicators indicators
COPY templates templates
COPY demo demo
COPY --from=assets /srv/levelup/static static
RUN .venv/bin/python -m compileall -q levelup_site areas indicators
ENV PATH=/srv/levelup/.venv/bin:$PATH \
    LEVELUP_HOME=/var/lib/levelup \
    LEVELUP_WEB_WORKERS=3 \
    LEVELUP_TASK_WORKERS=2 \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1
VOLUME ["/var/lib/levelup", "/backups"]
USER levelup
EXPOSE 8000
# Worker, beat and prepare have checks of their own in docker-compose.yml.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=6 \
    CMD ["python", "-P", "levelup_site/container_health.py", "web"]
# As script/Procfile; /dev/shm because gunicorn's heartbeat wants memory, and the root may be read-only.
CMD ["sh", "-c", "exec gunicorn levelup_site.wsgi --bind 0.0.0.0:8000 --worker-class gthread --workers \"$LEVELUP_WEB_WORKERS\" --threads 4 --timeout 120 --graceful-timeout 4 --limit-request-line 8190 --no-control-socket --worker-tmp-dir /dev/shm"]
