# Built in two stages: the environment from the lock file, then only what runs.

FROM python:3.12-slim AS build
WORKDIR /app
RUN python -m venv /opt/poetry \
 && /opt/poetry/bin/pip install --no-cache-dir poetry==2.5.1 poetry-plugin-pypi-mirror==0.6.5
COPY pyproject.toml poetry.lock poetry.toml ./
COPY tools/pip_settings.py tools/
RUN eval "$(/opt/poetry/bin/python tools/pip_settings.py)" \
 && /opt/poetry/bin/poetry install --no-interaction --no-cache --only main --no-root
COPY README.md LICENSE ./
COPY alembic alembic
COPY src src
RUN /opt/poetry/bin/poetry build --no-interaction --format wheel \
 && eval "$(/opt/poetry/bin/python tools/pip_settings.py)" \
 && /opt/poetry/bin/pip --python .venv/bin/python install --no-cache-dir --no-deps dist/*.whl

FROM python:3.12-slim
RUN useradd --system --uid 10001 --create-home recorder \
 && install -d -o recorder -g recorder /data
COPY --from=build /app/.venv /app/.venv
ENV PATH=/app/.venv/bin:$PATH PYTHONUNBUFFERED=1 DATA_DIR=/data
WORKDIR /home/recorder
USER recorder
VOLUME /data
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=20s --start-period=60s --retries=3 CMD ["orderflow-recorder", "status", "--json"]
ENTRYPOINT ["orderflow-recorder"]
CMD ["run"]
