import { describeDelivery } from './delivery/run.js'

describeDelivery('node')
