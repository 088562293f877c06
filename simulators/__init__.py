"""The other parties, as real HTTP servers: Axle and the car makers. For the demo and the tests, never deployed."""
