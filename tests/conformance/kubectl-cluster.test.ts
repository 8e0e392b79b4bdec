import { afterAll, beforeAll, describe, it } from 'vitest'
import { findKubectl } from './kubectl/find-kubectl.ts'
import { comparison } from './kubectl/timed.ts'
import { transcriptOf } from './referee/transcript.ts'
import { PARITY, PARITY_FILES } from './kubectl/parity.ts'
import { TwoClusters } from './kubectl/two-clusters.ts'

const REAL = findKubectl()
const transcript = transcriptOf('kubectl-cluster')

/** Commands whose ages the client reckons, and not the server. */
const AGES_OF_THE_CLIENT = /^(describe|events|get events)/

/** A line as the shell takes it apart: blanks, and single quotes. */
function words(line: string): string[] {
  return [...line.matchAll(/(?:[^\s']|'[^']*')+/g)].map(([word]) => word.replaceAll("'", ''))
}

describe.skipIf(!REAL)('in a whole cluster, kubectl says what kubectl 1.33 says over the HTTP API', () => {
  let both: TwoClusters

  beforeAll(async () => {
    both = new TwoClusters(REAL!)
    await both.open()
    for (const [name, content] of Object.entries(PARITY_FILES)) both.write(name, content)
  })
  afterAll(() => both.close())

  for (const [i, line] of PARITY.entries()) {
    const compare = comparison(transcript, line)
    it(`${i + 1}: ${line}`, async () => {
      const pause = /^# wait (\d+)$/.exec(line)
      if (pause) return both.wait(Number(pause[1]) * 1000)
      const { ours, real } = await (AGES_OF_THE_CLIENT.test(line) ? both.bothWithAges(words(line)) : both.both(words(line)))
      await compare({ ours, real })
    })
  }
})
