import type { ProgramTable } from '../../engine/machine/types.ts'
import './awk/index.ts'
import { busybox } from './busybox.ts'
import './cat.ts'
import { registerTools } from './command.ts'
import './cut.ts'
import './diff.ts'
import './files.ts'
import './find.ts'
import './grep.ts'
import './hashing.ts'
import './head-tail.ts'
import './jq/index.ts'
import './ls.ts'
import './misc.ts'
import './paths.ts'
import './processes.ts'
import './sed.ts'
import './sort.ts'
import './system.ts'
import './tar.ts'
import './tr.ts'
import './wc.ts'
import './xargs.ts'
import '../fullscreen/nano.ts'
import '../fullscreen/vi/index.ts'

/** GNU's (Debian 12) and BusyBox's everyday tools. */
export function registerCoreutils(programs: ProgramTable): void {
  registerTools(programs)
  programs.register('busybox', busybox(programs))
}

export { markBusybox } from './command.ts'
