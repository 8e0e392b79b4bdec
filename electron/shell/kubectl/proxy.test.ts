import { describe, expect, it } from 'vitest'
import { house } from '../house.samples.ts'

describe('kubectl proxy and plugins', () => {
  const lab = house({ nodes: 1 })

  it('serves the API on the port of the laptop that kubectl proxy of life takes', () => {
    const { output } = lab.run('kubectl proxy & sleep 1; curl -s http://127.0.0.1:8001/api/v1/namespaces/default | jq -r .metadata.name; curl -si http://127.0.0.1:8001/api/v1/namespaces/default/pods/x/exec | head -1; curl -s -H "Host: evil.example" http://127.0.0.1:8001/api; kubectl proxy; kill %1; wait; curl -s http://127.0.0.1:8001/; echo $?')
    expect(output).toContain('Starting to serve on 127.0.0.1:8001\n')
    expect(output).toMatch(/^default\r?$/m)
    expect(output).toMatch(/^HTTP\/1.1 403 Forbidden\r?$/m)
    expect(output).toMatch(/^Forbidden\r?$/m)
    expect(output).toContain('error: listen tcp 127.0.0.1:8001: bind: address already in use')
    expect(output.trimEnd().endsWith('7')).toBe(true)
  })

  it('watches through it', () => {
    const { output } = lab.run('kubectl proxy --port=9001 & sleep 1; curl -sN "http://localhost:9001/api/v1/namespaces/default/configmaps?watch=1" > /tmp/seen & sleep 1; kubectl create configmap late --from-literal=a=b; sleep 1; kill %2 %1; wait; grep -c late /tmp/seen')
    expect(output).toMatch(/^1\r?$/m)
  })

  it('runs what is called kubectl-… in the PATH, and lists it', () => {
    lab.run('mkdir -p ~/bin; printf "#!/bin/bash\\necho plugin: \\$*\\n" > ~/bin/kubectl-hello; chmod +x ~/bin/kubectl-hello; export PATH=$PATH:$HOME/bin')
    expect(lab.run('PATH=$PATH:$HOME/bin kubectl hello you -x').output).toBe('plugin: you -x\n')
    expect(lab.run('PATH=$PATH:$HOME/bin kubectl plugin list').output).toMatch(/The following compatible plugins are available:\n\n\/\S+\/bin\/kubectl-hello\n/)
    expect(lab.run('kubectl plugin list').output).toContain('error: unable to find any kubectl plugins in your PATH\n')
  })
})
