/**
 * Native code must not be interrupted: a thread that is terminated inside ONNX Runtime takes the whole
 * process with it ("terminate called after throwing an instance of 'Napi::Error'"). So a worker marks in
 * shared memory when it is inside, and its owner asks it to stop and waits until it is out.
 */
const STOP = 0;
const INSIDE = 1;

/** The two words that worker and owner share. */
export type GateState = Int32Array<SharedArrayBuffer>;

export function createGate(): GateState {
  return new Int32Array(new SharedArrayBuffer(8));
}

/** Worker: false when it was asked to stop; otherwise `leave` must follow. */
export function enter(state: GateState): boolean {
  Atomics.store(state, INSIDE, 1);
  if (Atomics.load(state, STOP) === 0) return true;
  leave(state);
  return false;
}

/** Worker: native code has returned. */
export function leave(state: GateState): void {
  Atomics.store(state, INSIDE, 0);
  Atomics.notify(state, INSIDE);
}

/** Worker: between two steps of a long request. */
export function isStopping(state: GateState): boolean {
  return Atomics.load(state, STOP) === 1;
}

/** Owner: no further request is started. */
export function askToStop(state: GateState): void {
  Atomics.store(state, STOP, 1);
}

/** Owner, as the process ends: blocks until native code has returned. */
export function waitUntilOutside(state: GateState): void {
  askToStop(state);
  while (Atomics.load(state, INSIDE) === 1) Atomics.wait(state, INSIDE, 1);
}
