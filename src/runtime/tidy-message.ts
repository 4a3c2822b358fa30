/** Longest piece of a foreign message that goes into ours. */
const maxLength = 400;

/**
 * What ONNX Runtime said, on one line, without the C++ source places, signatures and prefixes that wrap it.
 */
export function tidyMessage(message: string): string {
  const text = message
    .replace(/^failed to call \w+\(\)\.\s*/, '')
    .replace(/^Can't create a session\.\s*/, '')
    .replace(/^Load model from .* failed:\s*/, '')
    .replace(/ERROR_CODE: \d+, ERROR_MESSAGE:\s*/, '')
    // '/onnxruntime_src/onnxruntime/core/x.cc:136 void onnxruntime::F(const A&)::<lambda()> '
    .replace(/\/?\S*onnxruntime\/core\/\S+\.(?:cc|h):\d+ [^\n]*?\)(?: const)?(?:::<lambda\([^)]*\)>)? /g, '')
    .replace(/\s+/g, ' ')
    .trim();
  const whole = text === '' ? 'no message' : text.replace(/[.\s]+$/, '');
  return whole.length > maxLength ? `${whole.slice(0, maxLength)} ...` : whole;
}
