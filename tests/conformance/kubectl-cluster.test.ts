import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { findKubectl } from './kubectl/find-kubectl.ts'
import { PARITY, PARITY_FILES } from './kubectl/parity.ts'
import { TwoClusters } from './kubectl/two-clusters.ts'

const REAL = findKubectl()

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

  it.each(PARITY.map((line, i): [number, string] => [i + 1, line]))('%i: %s', async (_, line) => {
    const pause = /^# wait (\d+)$/.exec(line)
    if (pause) return both.wait(Number(pause[1]) * 1000)
    const { ours, real } = await (AGES_OF_THE_CLIENT.test(line) ? both.bothWithAges(words(line)) : both.both(words(line)))
    expect(ours).toEqual(real)
  })
})
