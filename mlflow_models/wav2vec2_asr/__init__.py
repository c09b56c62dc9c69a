"""Thai speech recognition: Wav2Vec2 XLSR-53 fine-tuned with CTC, served on ONNX Runtime."""
