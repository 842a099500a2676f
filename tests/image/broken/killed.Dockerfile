# refused for: cut the request under way
ARG IMAGE
FROM ${IMAGE}
STOPSIGNAL SIGKILL
