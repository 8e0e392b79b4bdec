import { expect, it } from 'vitest'
import { house } from '../house.samples.ts'

it('one command after another sees what the controllers made of the former', () => {
  const { run } = house()
  run('kubectl create deployment web --image=nginx --replicas=2; kubectl rollout status deployment/web')
  expect(run('kubectl expose deployment web --port=80; kubectl get endpointslices -l kubernetes.io/service-name=web --no-headers').output).toMatch(/ 80 +10\.244\.\d\.\d+,10\.244\.\d\.\d+ /)
  expect(run('kubectl scale deployment web --replicas=5; kubectl get pods --no-headers | wc -l').output).toMatch(/\n5\n$/)
})
