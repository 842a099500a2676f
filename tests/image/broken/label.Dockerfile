# refused for: lacks the label revision
ARG IMAGE
FROM ${IMAGE}
LABEL org.opencontainers.image.revision=unknown
