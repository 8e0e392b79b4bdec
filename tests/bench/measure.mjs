import { join, dirname } from 'node:path'
import { requireCompiled } from '../../electron/cli/compiled.mjs'

// Loads the measurements as podhop.mjs loads Podhop: what V8 compiled of a build is kept, for each measurement by itself.
const [, , file, name = ''] = process.argv
process.argv.splice(1, 2, file)
requireCompiled(file, join(dirname(file), 'compiled'), name)
