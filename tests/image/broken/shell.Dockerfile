# refused for: holds what it should not: bin/sh
ARG IMAGE
FROM ${IMAGE}
COPY sh /bin/sh
