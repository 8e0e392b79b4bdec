import { beforeAll, describe, expect, it } from 'vitest'
import { house, type House } from './house.samples.ts'

/** The transcript of "Network utilities" in the article that Podhop's labs follow, in a terminal window: before v1.18 and today. */
const RUN = 'kubectl run -it --image=amouat/network-utils --attach network-utils -- /bin/bash'

describe('with kubectlRun: deployment', () => {
  let lab: House
  let window: ReturnType<House['open']>
  beforeAll(() => {
    lab = house({ nodes: 2, kubectlRun: 'deployment' })
    window = lab.open()
  })

  it('makes a Deployment, and gives a prompt on its Pod', () => {
    const text = window.type(`${RUN}\n`, 20_000)
    expect(text).toContain('kubectl run --generator=deployment/apps.v1 is DEPRECATED and will be removed in a future version. Use kubectl run --generator=run-pod/v1 or kubectl create instead.\n')
    expect(text).toContain("If you don't see a command prompt, try pressing enter.\n")
    expect(window.type('\n')).toMatch(/root@network-utils-[0-9a-f]{8,10}-[a-z0-9]{5}:\/# \s*$/)
    expect(window.type('curl -sk https://kubernetes/version | head -2\n', 3_000)).toContain('"major": "1"')
  })

  it('the shell is left with exit, and the Deployment deleted', () => {
    expect(window.type('exit\n', 5_000)).toMatch(/Session ended, resume using 'kubectl attach network-utils-[0-9a-f]{8,10}-[a-z0-9]{5} -c network-utils -i -t' command when the pod is running\n/)
    expect(lab.run('kubectl get deployment network-utils -o name').output).toBe('deployment.apps/network-utils\n')
    expect(window.type('kubectl delete deployment network-utils\n', 5_000)).toContain('deployment.apps "network-utils" deleted\n')
    expect(lab.run('sleep 60; kubectl get pods').output).toBe('No resources found in default namespace.\n')
  })
})

describe('today', () => {
  it('makes a bare Pod of that name, so that there is no Deployment to delete', () => {
    const lab = house({ nodes: 2 })
    const window = lab.open()
    window.type(`${RUN}\n`, 20_000)
    expect(window.type('\n')).toMatch(/root@network-utils:\/# \s*$/)
    window.type('exit\n', 5_000)
    expect(window.type('kubectl delete deployment network-utils\n', 3_000)).toContain('Error from server (NotFound): deployments.apps "network-utils" not found\n')
    expect(window.type('kubectl delete pod network-utils\n', 40_000)).toContain('pod "network-utils" deleted\n')
  })
})
