# One image for every process of the product: migrate, workers, Flower, the offline models and the command line.

FROM python:3.12-slim AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 \
    UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never
WORKDIR /build
COPY requirements/uv.txt requirements/
RUN python -m venv /opt/uv && /opt/uv/bin/pip install --quiet --require-hashes --requirement requirements/uv.txt
ENV PATH=/opt/uv/bin:$PATH VIRTUAL_ENV=/opt/cheapfirst

# What the product needs changes rarely: a layer of its own, which an edit of the source leaves alone.
COPY requirements/runtime.txt requirements/
RUN --mount=type=cache,target=/root/.cache/uv \
    uv venv --quiet /opt/cheapfirst && uv pip install --quiet --require-hashes --requirement requirements/runtime.txt

# The build back end is held to the hashes of dev.txt, which lists it, and stays behind in this stage.
COPY pyproject.toml README.md ./
COPY requirements/dev.txt requirements/
COPY routing routing
COPY gateway gateway
COPY storage storage
COPY workers workers
COPY evaluation evaluation
COPY producer producer
RUN --mount=type=cache,target=/root/.cache/uv \
    uv build --quiet --wheel --out-dir /build/dist --build-constraints requirements/dev.txt --require-hashes \
    && uv pip install --quiet --no-deps dist/*.whl


FROM python:3.12-slim
ENV PATH=/opt/cheapfirst/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 HOME=/tmp \
    CHEAPFIRST_HOME=/tmp/cheapfirst
RUN groupadd --system --gid 10001 cheapfirst \
    && useradd --system --uid 10001 --gid cheapfirst --no-create-home --home-dir /tmp --shell /usr/sbin/nologin cheapfirst
COPY --from=build /opt/cheapfirst /opt/cheapfirst
COPY examples /app/examples
WORKDIR /app
USER 10001:10001
ENTRYPOINT ["cheapfirst"]
CMD ["--help"]
