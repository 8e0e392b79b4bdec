import { Clock } from '../engine/clock.ts'
import { CallbackFile } from '../engine/machine/files.ts'
import { MemoryFilesystem } from '../engine/machine/filesystem.ts'
import { layOutLinux } from '../engine/machine/linux.ts'
import { createMachine } from '../engine/machine/machine.ts'
import { createProgramTable } from '../engine/machine/programs.ts'
import type { Machine, OpenFile } from '../engine/machine/types.ts'
import { EXTRAS, debianUserland, installUserland } from '../engine/machine/userland.ts'
import type { NetworkNamespace } from '../engine/network/types.ts'
import { decodeUtf8 } from '../engine/text.ts'
import { registerShell, runScript } from './index.ts'

/** Output that is kept of an endless program. */
const MOST = 1_000_000

/** A laptop without a network, for tests of the shell and its tools. */
export function laptop(options: { kind?: Machine['kind'] } = {}): { clock: Clock; machine: Machine; run(script: string, stdin?: string): Result } {
  const clock = new Clock({ seed: 1 })
  const fs = new MemoryFilesystem({ clock })
  layOutLinux(fs, { hostname: 'podhop', user: { uid: 1000, gid: 1000, name: 'student', home: '/home/student' } })
  installUserland(fs, debianUserland(['jq', ...EXTRAS]))
  const programs = createProgramTable()
  registerShell(programs)
  const machine = createMachine({
    kind: options.kind ?? 'laptop', name: 'laptop', hostname: 'podhop', clock, fs, network: {} as NetworkNamespace, programs,
    env: { PATH: '/usr/local/bin:/usr/bin:/bin', HOME: '/home/student' },
    user: { uid: 1000, gid: 1000, name: 'student' },
  })
  return {
    clock,
    machine,
    run(script) {
      let stdout = ''
      let stderr = ''
      const out = new CallbackFile(clock, (b) => {
        if (stdout.length < MOST) stdout += decodeUtf8(b)
      })
      const err = new CallbackFile(clock, (b) => {
        if (stderr.length < MOST) stderr += decodeUtf8(b)
      })
      const process = runScript(machine, script, new Map<number, OpenFile>([[1, out], [2, err]]))
      clock.runUntil(clock.now + 3_600_000, () => process.status !== undefined)
      return { stdout, stderr, code: process.status?.code }
    },
  }
}

export interface Result { stdout: string; stderr: string; code: number | undefined }
