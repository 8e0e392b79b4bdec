import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { parseTxtar } from '../../../electron/lab/txtar.ts'
import { transcriptOf } from '../referee/transcript.ts'
import { CONFIGURATION_FILES } from './configuration.ts'
import { CORNER_FILES } from './corner-files.ts'
import { tellBoth } from './corner-line.ts'
import { findKubectl } from './find-kubectl.ts'
import { PARITY_FILES } from './parity.ts'
import { comparison } from './timed.ts'
import { TwoClusters } from './two-clusters.ts'

const REAL = findKubectl()
const FOLDER = join(import.meta.dirname, 'corners')

/** A list of lines, and the files of its own that it speaks of, if it is a txtar archive. */
function read(name: string): { lines: string[]; files: Record<string, string> } {
  const archive = existsSync(join(FOLDER, `${name}.txtar`)) ? `${name}.txtar` : `${name}.txt`
  const { comment, files } = parseTxtar(readFileSync(join(FOLDER, archive), 'utf8'))
  return { lines: comment.split('\n').filter((line) => line !== ''), files: Object.fromEntries(files.map((file) => [file.name, file.text])) }
}

/** The lines of a file of corners/, told to both kubectls in clusters of their own. */
export function corners(name: string): void {
  const { lines, files } = read(name)
  const transcript = transcriptOf(`kubectl-${name}`)
  describe.skipIf(!REAL)(`kubectl says what kubectl 1.33 says: ${name}`, () => {
    let both: TwoClusters
    beforeAll(async () => {
      both = new TwoClusters(REAL!)
      await both.open()
      for (const [file, content] of Object.entries({ ...PARITY_FILES, ...CORNER_FILES, ...CONFIGURATION_FILES, ...files })) both.write(file, content)
    })
    afterAll(() => both.close())

    for (const [i, line] of lines.entries()) {
      const compare = comparison(transcript, line)
      it(`${i + 1}: ${line}`, async () => {
        const said = await tellBoth(both, line)
        if (said) await compare(said)
      })
    }
  })
}
