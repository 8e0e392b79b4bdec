import { describe, expect, it } from 'vitest'
import { NinePods, truthCases } from './truth-tables.samples.ts'

describe('the truth tables of Kubernetes’ own tests, with kube-router', () => {
  const nine = new NinePods({ cni: 'kube-router' })
  for (const { name, steps } of truthCases()) {
    it(name.replaceAll('-', ' '), () => {
      for (const { yaml, tables } of steps) {
        nine.apply(yaml)
        for (const { port, protocol, text } of tables) {
          expect(nine.decided(port, protocol), `decided ${port}/${protocol}`).toBe(text)
          // nothing of these images speaks SCTP
          if (protocol !== 'SCTP') expect(nine.tried(port, protocol), `tried ${port}/${protocol}`).toBe(text)
        }
      }
    })
  }
})
