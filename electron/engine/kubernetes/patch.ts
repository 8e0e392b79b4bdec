/** Patches of all kinds, for the API server and for kubectl's apply. */
export { applyJsonPatch, JsonPatchError, type Operation } from './patch/json-patch.ts'
export { applyMergePatch, createMergePatch } from './patch/merge-patch.ts'
export { applyStrategicMergePatch, StrategicPatchError } from './patch/strategic-merge.ts'
export { createStrategicMergePatch, createThreeWayMergePatch, createThreeWayStrategicMergePatch } from './patch/three-way.ts'
export { schemaOf } from './schema/index.ts'
