# Two images: `serve`, the service, and `loadtest`, what the load Jobs run. Both are made from scratch:
# the program, exactly the shared objects that it links, and nothing else, so there is no shell and
# no package manager to be misused. ./run image builds and checks them; by hand:
#
#   docker build -t iris-api .
#   docker run --rm -p 8080:8080 iris-api
#
# The model is models/model.onnx, and where that is not there, as in a fresh clone, what DVC's files name,
# fetched in a stage of its own.
ARG BASE=docker.io/library/debian:bookworm-slim

# The toolchain and the libraries. Versions are those of the Debian release, as everywhere in this
# project; the SBOM says which they were.
FROM ${BASE} AS packages
WORKDIR /src
COPY packages/apt.txt packages/apt.txt
# hadolint ignore=DL3008,SC2046
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
       $(sed -e 's/#.*//' packages/apt.txt) \
    && rm -rf /var/lib/apt/lists/*

ENV CCACHE_DIR=/ccache

# The programs of both images, compiled together: most of their sources are the same.
FROM packages AS build
COPY CMakeLists.txt CMakePresets.json ./
COPY cmake cmake
COPY src src
# What was compiled before is not compiled again, also when a layer has to be.
RUN --mount=type=cache,target=/ccache \
    cmake --preset image && cmake --build --preset image --target iris_serving iris

# A model that lies in models/ is taken as it is. Else it comes from DVC's remote and is verified: a
# folder in git needs nothing; of a bucket that wants credentials, fetch it before (iris pull), since
# none may get into a build.
FROM build AS model
WORKDIR /repository
COPY . .
RUN [ -f models/model.onnx ] || /src/build/image/iris pull models/model.onnx

# Every file gets the time 0: bytes must not depend on when they were made, and what has not changed
# must not become a new layer with each commit.
FROM build AS build-serve
COPY scripts/image-root scripts/sbom scripts/
COPY --from=model /repository/models/model.onnx models/
RUN scripts/image-root /image/rootfs build/image/serving/iris \
    && install -D -m 0444 models/model.onnx /image/rootfs/models/model.onnx \
    && scripts/sbom --name iris-api --root /image/rootfs --link build/image/serving/iris \
       --build build/image > /image/iris-api.spdx.json \
    && find /image -exec touch --no-dereference --date=@0 {} +

FROM build AS build-loadtest
COPY scripts/image-root scripts/sbom scripts/
RUN scripts/image-root /image/rootfs build/image/iris "$(command -v wrk)" \
    && scripts/sbom --name iris-loadtest --root /image/rootfs --link build/image/iris \
       --build build/image > /image/iris-loadtest.spdx.json \
    && find /image -exec touch --no-dereference --date=@0 {} +

# The lists of what the images are made of, for the builder's --output.
FROM scratch AS sbom
COPY --from=build-serve /image/iris-api.spdx.json /
COPY --from=build-loadtest /image/iris-loadtest.spdx.json /

FROM scratch AS loadtest
LABEL org.opencontainers.image.title="iris-loadtest" \
      org.opencontainers.image.description="wrk and iris, for load from inside a cluster" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build-loadtest /image/rootfs/ /
ENV PATH=/usr/bin
USER 65532:65532
CMD ["wrk", "--version"]

# Last, so that it is what a build without --target makes.
FROM scratch AS serve
LABEL org.opencontainers.image.title="iris-api" \
      org.opencontainers.image.description="A model behind HTTP" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build-serve /image/rootfs/ /
ENV PATH=/usr/bin MODEL_PATH=/models/model.onnx
USER 65532:65532
EXPOSE 8080
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/bin/iris"]
CMD ["serve"]
