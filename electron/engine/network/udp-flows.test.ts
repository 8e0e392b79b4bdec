import { expect, test } from 'vitest'
import { Random } from '../random.ts'
import { Flows } from './udp-flows.ts'

test('knows the last 256 peers of a socket, those longest known go first', () => {
  const random = new Random(3)
  const flows = new Flows()
  const model = new Map<string, number>()
  for (let i = 0; i < 5000; i++) {
    const peer = `10.0.0.${random.below(9)}`
    const port = random.below(i < 30 ? 2 : 80)
    flows.set(peer, port, i, false, i)
    model.delete(`${peer} ${port}`)
    model.set(`${peer} ${port}`, i)
    if (model.size > 256) model.delete(model.keys().next().value!)
    if (i > 40 && i % 700 > 0) continue
    for (let n = 0; n < 9; n++) for (let p = 0; p < 80; p++) expect(flows.get(`10.0.0.${n}`, p)?.journey).toBe(model.get(`10.0.0.${n} ${p}`))
  }
  expect(model.size).toBe(256)
})
