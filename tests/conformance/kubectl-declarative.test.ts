import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { DECLARATIVE, DECLARATIVE_FILES } from './kubectl/declarative-kinds.ts'
import { findKubectl } from './kubectl/find-kubectl.ts'
import { TwoClusters } from './kubectl/two-clusters.ts'

const REAL = findKubectl()

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
    expect(ours).toEqual(real)
  })
})
