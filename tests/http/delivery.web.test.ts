import { describeDelivery } from './delivery/run.js'

describeDelivery('web')
