"""The same job done by onnxruntime.quantization: static int8 (QDQ, per-channel weights, min-max) of an image
classifier. Prints one JSON line: {"seconds", "peakRssBytes", "version"}.

Usage: onnxruntime_static.py model.onnx images.u8 samples output.onnx
images.u8: raw uint8 NHWC [n, 32, 32, 3], normalised here as the model's training did.
"""

import json
import resource
import sys
import time

import numpy as np
import onnxruntime
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process

MEAN = np.array([0.4914, 0.4822, 0.4465], np.float32)
STD = np.array([0.2470, 0.2435, 0.2616], np.float32)
BATCH = 10


class Pictures(CalibrationDataReader):
    def __init__(self, path: str, samples: int):
        pixels = np.fromfile(path, np.uint8).reshape(-1, 32, 32, 3)[:samples]
        self.batches = iter(range(0, len(pixels), BATCH))
        self.pixels = pixels

    def get_next(self):
        start = next(self.batches, None)
        if start is None:
            return None
        batch = self.pixels[start : start + BATCH].astype(np.float32) / 255
        batch = (batch - MEAN) / STD
        return {"input": np.ascontiguousarray(batch.transpose(0, 3, 1, 2))}


model, images, samples, output = sys.argv[1:5]
started = time.perf_counter()
prepared = output + ".prepared.onnx"
quant_pre_process(model, prepared, skip_symbolic_shape=True)
quantize_static(
    prepared,
    output,
    Pictures(images, int(samples)),
    quant_format=QuantFormat.QDQ,
    per_channel=True,
    activation_type=QuantType.QUInt8,
    weight_type=QuantType.QInt8,
    calibrate_method=CalibrationMethod.MinMax,
)
seconds = time.perf_counter() - started
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(json.dumps({"seconds": seconds, "peakRssBytes": peak, "version": onnxruntime.__version__}))
