import './directories.ts'
import './flow.ts'
import './io.ts'
import './jobs.ts'
import './misc.ts'
import './options.ts'
import './variables.ts'

export { BUILTINS } from './table.ts'
