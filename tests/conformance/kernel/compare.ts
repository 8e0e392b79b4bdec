import type { Transcript } from '../referee/transcript.ts'
import type { KernelWorld, Probe } from './namespaces.ts'
import type { ServiceWorld } from './services.ts'

/** Tries all here and in the kernel: they must come to the same end; `line` names each. What ends there were ("web", "refused", …). */
export async function compareProbes(world: ServiceWorld, kernel: KernelWorld, probes: readonly Probe[], transcript: Transcript, line: (probe: Probe) => string): Promise<Set<string>> {
  const real = await kernel.connect(probes)
  const ends = new Set<string>()
  for (const [i, probe] of probes.entries()) {
    // Which of several Pods it is, is chance: until it is the one that the kernel has taken.
    const ours = new Set<string>()
    const possible = (theirs: string): boolean => {
      for (let tries = 0; tries < 60 && !ours.has(theirs); tries++) {
        ours.add(world.connect(probe))
        if (!/^web\d/.test(theirs) && ours.size === 1 && tries > 2) break
      }
      return ours.has(theirs)
    }
    let asked = 0
    const theirs = async (): Promise<string> => (asked++ === 0 ? real[i]! : (await kernel.connect([probe]))[0]!)
    await transcript.entry(line(probe)).allow(possible, () => `${line(probe)} ${[...ours].join(', ')}`, theirs)
    for (const one of ours) ends.add(one.replace(/\d? .*/, ''))
  }
  return ends
}
