# Levelup as a container, for use with docker-compose.yml.
# UNTESTED: no container engine was at hand where this was written. What it does is what
# script/bootstrap does, from the same uv.lock and package-lock.json.

FROM node:22-bookworm-slim AS assets
WORKDIR /srv/levelup
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY . .
RUN npm run build

FROM python:3.11-slim-bookworm
RUN apt-get update \
    && apt-get install -y --no-install-recommends libgdal32 libgeos-c1v5 \
    && rm -rf /var/lib/apt/lists/*
RUN pip install --no-cache-dir uv==0.13.9
WORKDIR /srv/levelup
COPY pyproject.toml uv.lock ./
RUN uv sync --locked --no-dev --no-cache
COPY . .
COPY --from=assets /srv/levelup/static/build static/build
# Uploads, tiles and collected static files, shared by web, worker and beat.
RUN useradd --system --create-home levelup && mkdir /var/lib/levelup && chown levelup /var/lib/levelup
ENV PATH=/srv/levelup/.venv/bin:$PATH LEVELUP_HOME=/var/lib/levelup PYTHONUNBUFFERED=1
VOLUME /var/lib/levelup
USER levelup
EXPOSE 8000
CMD ["gunicorn", "levelup_site.wsgi", "--bind", "0.0.0.0:8000", "--worker-class", "gthread", "--workers", "3", "--threads", "4", "--timeout", "120", "--no-control-socket"]
