import { describe, expect, it } from 'vitest'
import { NinePods, truthCases } from './truth-tables.samples.ts'

describe.each(['calico', 'kube-router'])('the truth tables of Kubernetes’ own tests, with %s', (cni) => {
  const nine = new NinePods({ cni })
  for (const { name, steps } of truthCases()) {
    it(name.replaceAll('-', ' '), () => {
      for (const { yaml, tables } of steps) {
        nine.apply(yaml)
        for (const { port, protocol, text } of tables) {
          expect(nine.decided(port, protocol), `decided ${port}/${protocol}`).toBe(text)
          expect(nine.tried(port, protocol), `tried ${port}/${protocol}`).toBe(text)
        }
      }
    })
  }
})
