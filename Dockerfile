# Titrate as a container. Migrations are their own step, before the service starts:
#   docker run --rm -e TITRATE_DATABASE_URL=… titrate db upgrade
#   docker run --read-only --tmpfs /tmp -v titrate:/data -e TITRATE_DATABASE_URL=… -p 8000:8000 titrate
FROM python:3.11-slim AS build
WORKDIR /build
COPY requirements/run.txt .
RUN python -m venv /venv \
    && /venv/bin/pip install --no-cache-dir --require-hashes -r run.txt

FROM python:3.11-slim
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin titrate \
    && install -d -o titrate -g titrate /data
COPY --from=build /venv /venv
WORKDIR /srv
COPY alembic.ini ./
COPY migrations migrations
COPY app app
ENV PATH=/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    TITRATE_DATA_DIR=/data
USER 10001
VOLUME /data
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/readyz', timeout=2)"]
ENTRYPOINT ["python", "-m", "app"]
CMD ["serve", "--host", "0.0.0.0"]
