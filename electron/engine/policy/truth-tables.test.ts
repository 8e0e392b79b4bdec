import { describe, expect, it } from 'vitest'
import { policyEnforcement } from './enforcement.ts'
import { NinePods, truthCases } from './truth-tables.samples.ts'

/** Weave Net knows neither named ports nor endPort, the VPC CNI not all named ports; what becomes of such policies there is not what the API says. */
function departs(yaml: string): boolean {
  return /endPort|port: ['"]?[a-z]/.test(yaml)
}

describe.each(['weave', 'aws-vpc'] as const)('the truth tables of Kubernetes’ own tests, with %s', (cni) => {
  const nine = new NinePods({ cni })
  for (const { name, steps } of truthCases()) {
    it(name.replaceAll('-', ' '), () => {
      for (const { yaml, tables } of steps) {
        nine.apply(yaml)
        for (const { port, protocol, text } of tables) {
          const own = nine.decided(port, protocol, policyEnforcement(cni))
          if (!departs(yaml)) expect(own).toBe(text)
          expect(nine.tried(port, protocol), `tried ${port}/${protocol}`).toBe(own)
        }
      }
    })
  }
})

describe.each(['antrea', 'calico', 'kube-router'])('the truth tables of Kubernetes’ own tests, with %s', (cni) => {
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
