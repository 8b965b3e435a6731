// Runs one model in ONNX Runtime: onnxruntime_run.mjs FOLDER MODEL JOB.json
// FOLDER holds node_modules; JOB.json: {"inputs": [{"name", "type", "dims", "file"}], "output": FOLDER}. Files are
// raw little-endian elements. "optimization": ONNX Runtime's level, 'all' where it is not said;
// "optimized": a file for the graph that it makes. Prints {"outputs": [{"name", "type", "dims", "file"}], "seconds"} as JSON.
import { createRequire } from 'node:module';
import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const [folder, model, jobFile] = process.argv.slice(2);
const ort = createRequire(join(resolve(folder), 'any.js'))('onnxruntime-node');
const arrays = {
  float32: Float32Array, float64: Float64Array, int64: BigInt64Array, int32: Int32Array, int8: Int8Array,
  uint8: Uint8Array, bool: Uint8Array, float16: Uint16Array, int16: Int16Array, uint16: Uint16Array,
};
const job = JSON.parse(readFileSync(jobFile));
const feeds = {};
for (const input of job.inputs) {
  const bytes = readFileSync(input.file);
  const buffer = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
  feeds[input.name] = new ort.Tensor(input.type, new arrays[input.type](buffer), input.dims);
}
const session = await ort.InferenceSession.create(model, {
  intraOpNumThreads: 2, logSeverityLevel: 4, graphOptimizationLevel: job.optimization ?? 'all',
  extra: { session: { x64quantprecision: '1' } }, // no saturation in 16 bits on CPUs without VNNI
  ...(job.optimized ? { optimizedModelFilePath: job.optimized } : {}),
});
let seconds = Infinity;
let results;
for (let i = 0; i < (job.runs ?? 1); ++i) {
  const start = process.hrtime.bigint();
  results = await session.run(feeds);
  seconds = Math.min(seconds, Number(process.hrtime.bigint() - start) / 1e9);
}
const outputs = [];
for (const [i, name] of session.outputNames.entries()) {
  const tensor = results[name];
  const file = join(job.output, `ort_${i}.bin`);
  writeFileSync(file, new Uint8Array(tensor.data.buffer, tensor.data.byteOffset, tensor.data.byteLength));
  outputs.push({ name, type: tensor.type, dims: tensor.dims.map(Number), file });
}
console.log(JSON.stringify({ outputs, seconds }));
