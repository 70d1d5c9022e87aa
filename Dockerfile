# syntax=docker/dockerfile:1

FROM python:3.13-slim AS build
RUN python -m venv /opt/undersigned
ENV PATH=/opt/undersigned/bin:$PATH PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /src
# What we lean on first: it changes less often than we do.
COPY requirements.txt ./
RUN pip install --require-hashes -r requirements.txt
COPY pyproject.toml README.md LICENSE ./
COPY widgets widgets
COPY templates templates
RUN pip install --no-deps --no-build-isolation .

FROM python:3.13-slim
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin undersigned \
    && install -d -o undersigned -g undersigned -m 0700 /data
COPY --from=build /opt/undersigned /opt/undersigned
ENV PATH=/opt/undersigned/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    UNDERSIGNED_INSTANCE_PATH=/data \
    UNDERSIGNED_HOST=0.0.0.0
USER undersigned
WORKDIR /data
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen('http://127.0.0.1:' + (os.environ.get('UNDERSIGNED_PORT') or os.environ.get('PORT') or '8000') + '/healthz', timeout=4)"]
CMD ["undersigned", "serve"]
