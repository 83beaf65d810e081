import { describeDelivery } from './delivery/run.js'

describeDelivery('express5')
