import { describe, expect, it } from 'vitest'
import { house } from '../house.samples.ts'

describe('kubectl port-forward', () => {
  it('may not listen on a privileged port as a student', () => {
    const { run } = house()
    run('kubectl run web --image=nginx; kubectl wait --for=condition=ready pod/web')
    expect(run('kubectl port-forward pod/web 80:80')).toEqual({
      code: 1,
      output:
        'Unable to listen on port 80: Listeners failed to create with the following errors: [unable to create listener: Error listen tcp4 127.0.0.1:80: bind: permission denied unable to create listener: Error listen tcp6 [::1]:80: bind: permission denied]\nerror: unable to listen on any of the requested ports: [{80 80}]\n',
    })
  })

  it('listens on both loopback addresses: a laptop has ::1 whatever the cluster speaks', () => {
    const { open } = house()
    const terminal = open()
    terminal.type('kubectl run web --image=nginx; kubectl wait --for=condition=ready pod/web\r', 5_000)
    expect(terminal.type('kubectl port-forward pod/web 8080:80 &\r')).toContain('Forwarding from 127.0.0.1:8080 -> 80\nForwarding from [::1]:8080 -> 80\n')
    expect(terminal.type('curl -s -o /dev/null -w "%{http_code}\\n" http://[::1]:8080\r')).toContain('\n200\n')
    expect(terminal.type('ss -Htln\r')).toMatch(/ 127\.0\.0\.1:8080 +0\.0\.0\.0:\* *\nLISTEN +0 +4096 +\[::1\]:8080 +\[::\]:\*/)
  })

  it('opens no port for other machines, and says so', () => {
    const { run } = house()
    run('kubectl run web --image=nginx; kubectl wait --for=condition=ready pod/web')
    expect(run('kubectl port-forward --address 127.0.0.1,0.0.0.0 pod/web 8080:80')).toEqual({
      code: 69,
      output: 'podhop: not simulated: kubectl port-forward --address 0.0.0.0 (ports are opened for this machine alone: localhost, 127.0.0.1 or ::1)\n',
    })
  })

  it('holds on to its Pod: another one of the same name is not it', () => {
    const { open } = house()
    const terminal = open()
    terminal.type('kubectl run web --image=nginx; kubectl wait --for=condition=ready pod/web\r', 5_000)
    terminal.type('kubectl port-forward pod/web 8080:80 &\r')
    expect(terminal.type('curl -s -o /dev/null -w "%{http_code}\\n" localhost:8080\r')).toContain('\n200\n')
    terminal.type('kubectl delete pod web; kubectl run web --image=nginx; kubectl wait --for=condition=ready pod/web\r', 10_000)
    const output = terminal.type('curl localhost:8080\r')
    expect(output).toMatch(/err="an error occurred forwarding 8080 -> 80: error forwarding port 80 to pod [0-9a-f]{64}, uid : failed to find sandbox/)
    expect(output).toContain('error: lost connection to pod')
  })
})
