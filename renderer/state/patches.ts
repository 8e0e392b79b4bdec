import { applyPatches, type Patch } from '../../electron/bridge/patch.ts'
import type { ViewModel } from '../../electron/bridge/view.ts'

/** A view model and its version. */
export interface Held {
  version: number
  view: ViewModel
}

/** The next view model; the same when the patches are old; 'gap' when some were missed and the whole is needed. */
export function receive(held: Held, version: number, patches: readonly Patch[]): Held | 'gap' {
  if (version <= held.version) return held
  if (version > held.version + 1) return 'gap'
  return { version, view: applyPatches(held.view, patches) }
}
