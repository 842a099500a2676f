# refused for: runs as user '0:0'
ARG IMAGE
FROM ${IMAGE}
USER 0:0
