import { afterAll, beforeAll, describe, it } from 'vitest'
import { findKubectl } from './kubectl/find-kubectl.ts'
import { comparison } from './kubectl/timed.ts'
import { transcriptOf } from './referee/transcript.ts'
import { TwoClusters } from './kubectl/two-clusters.ts'
import { ADMISSION, ADMISSION_FILES } from './kubectl/admission.ts'

const REAL = findKubectl()
const transcript = transcriptOf('kubectl-admission')

/** A line as the shell takes it apart: blanks, and single quotes. */
function words(line: string): string[] {
  return [...line.matchAll(/(?:[^\s']|'[^']*')+/g)].map(([word]) => word.replaceAll("'", ''))
}

describe.skipIf(!REAL)('of policies and webhooks kubectl says what kubectl 1.33 says', () => {
  let both: TwoClusters

  beforeAll(async () => {
    both = new TwoClusters(REAL!)
    await both.open()
    for (const [name, content] of Object.entries(ADMISSION_FILES)) both.write(name, content)
  })
  afterAll(() => both.close())

  for (const [i, line] of ADMISSION.entries()) {
    const compare = comparison(transcript, line)
    it(`${i + 1}: ${line}`, async () => {
      const pause = /^# wait (\d+)$/.exec(line)
      if (pause) return both.wait(Number(pause[1]) * 1000)
      const { ours, real } = await both.both(words(line))
      await compare({ ours, real })
    })
  }
})
