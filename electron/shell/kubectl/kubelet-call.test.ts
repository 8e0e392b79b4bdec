import { describe, expect, it } from 'vitest'
import { house } from '../house.samples.ts'

const READY = 'kubectl run web --image=nginx --overrides=\'{"spec":{"nodeName":"worker-1"}}\'; kubectl wait --for=condition=ready pod/web'
const REFUSED = 'dial tcp 172.18.0.3:10250: connect: connection refused'

describe('the API server calls the kubelet of a Pod', () => {
  it('and a rule on its way refuses logs, exec, attach, cp and port-forward', () => {
    const { run } = house()
    run(READY)
    expect(run('kubectl exec web -- hostname').output).toBe('web\n')
    run('hop node worker-1 -- iptables -I INPUT -p tcp --dport 10250 -j REJECT')
    expect(run('kubectl logs web --tail=2 -f')).toEqual({ code: 1, output: `Error from server: Get "https://172.18.0.3:10250/containerLogs/default/web/web?follow=true&tailLines=2": ${REFUSED}\n` })
    expect(run('kubectl exec web -- cat "/a b"')).toEqual({ code: 1, output: `error: Internal error occurred: error sending request: Post "https://172.18.0.3:10250/exec/default/web/web?command=cat&command=%2Fa+b&error=1&output=1": ${REFUSED}\n` })
    expect(run('kubectl attach web').output).toContain(`error: Internal error occurred: error sending request: Post "https://172.18.0.3:10250/attach/default/web/web?error=1&output=1": ${REFUSED}\n`)
    expect(run('kubectl cp web:/etc/hostname x').output).toContain(REFUSED)
    expect(run('kubectl port-forward web 8080:80')).toEqual({ code: 1, output: `error: error upgrading connection: error dialing backend: ${REFUSED}\n` })
    expect(run('kubectl get --raw /api/v1/namespaces/default/pods/web/log').output).toContain(REFUSED)
    expect(run('kubectl logs web --ignore-errors --prefix')).toEqual({ code: 0, output: `error: Get "https://172.18.0.3:10250/containerLogs/default/web/web": ${REFUSED}\n` })
    run('hop node worker-1 -- iptables -D INPUT 1')
    expect(run('kubectl exec web -- hostname').output).toBe('web\n')
  })

  it('and gives up after half a minute where nothing answers', () => {
    const { run } = house()
    run(READY)
    run('hop node worker-1 -- iptables -I INPUT -p tcp --dport 10250 -j DROP')
    expect(run('time -p kubectl exec web -- hostname').output).toMatch(/dial tcp 172\.18\.0\.3:10250: i\/o timeout\nreal 30\./)
  })

  it('and what hangs on a kubelet ends with it', () => {
    const { run, open } = house()
    run(READY)
    const terminal = open()
    terminal.type('kubectl port-forward web 8080:80 &\r')
    terminal.type("kubectl exec web -- sh -c 'echo begun; sleep 100; echo over' &\r")
    terminal.type('kubectl logs -f web > /dev/null &\r')
    expect(run('hop node control-plane -- ss -Htn state established dport = :10250').output.split('\n')).toHaveLength(4)
    expect(run('hop node worker-1 -- systemctl stop kubelet').code).toBe(0)
    const output = terminal.type('wait\r', 5_000)
    expect(output).toContain('error: lost connection to pod')
    expect(output).not.toContain('over\n')
    expect(terminal.type('jobs\r')).not.toContain('Running')
    expect(run('kubectl logs web').output).toContain(REFUSED)
  })

  it('of a node that nobody knows not at all', () => {
    const { run } = house()
    run(READY)
    run('hop node worker-1 -- systemctl stop kubelet; kubectl delete node worker-1')
    expect(run('kubectl logs web')).toEqual({ code: 1, output: 'Error from server (NotFound): nodes "worker-1" not found\n' })
  })
})
