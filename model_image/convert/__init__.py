"""Makes ONNX of a model when the image is built, and proves that both answer alike."""
