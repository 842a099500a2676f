# refused for: did not become ready
ARG IMAGE
FROM ${IMAGE}
COPY pickle.onnx /models/model.onnx
