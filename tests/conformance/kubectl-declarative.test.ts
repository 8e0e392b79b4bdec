import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { DECLARATIVE, DECLARATIVE_FILES } from './kubectl/declarative-kinds.ts'
import { findKubectl } from './kubectl/find-kubectl.ts'
import { type Outcome, TwoClusters } from './kubectl/two-clusters.ts'

const REAL = findKubectl()

/** The real kubectl reckons ages by the real clock, which goes on between its start and its question. */
function ageless({ stdout, ...rest }: Outcome): Outcome {
  return { ...rest, stdout: stdout.replace(/ +\d+s(?: +|$)/gm, ' AGE ') }
}

describe.skipIf(!REAL)('of kinds that are mostly declared, kubectl says what kubectl 1.33 says', () => {
  let both: TwoClusters

  beforeAll(async () => {
    both = new TwoClusters(REAL!)
    await both.open()
    for (const [name, content] of Object.entries(DECLARATIVE_FILES)) both.write(name, content)
  })
  afterAll(() => both.close())

  it.each(DECLARATIVE.map((line, i): [number, string] => [i + 1, line]))('%i: %s', async (_, line) => {
    const pause = /^# wait (\d+)$/.exec(line)
    if (pause) return both.wait(Number(pause[1]) * 1000)
    const { ours, real } = await both.both(line.split(' '))
    expect(ageless(ours)).toEqual(ageless(real))
  })
})
